"""StyleGAN2 as its paper and published code define it, in NumPy, from a file's arrays.

These have the names and layouts of NVIDIA's PyTorch files; images are (n, channels, rows, columns).
"""

import numpy as np

SQUARE = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64


def filtered(x, *, up=1, down=1, pads, gain=1.0):
    """Puts zeros between pixels and around all, sums under the filter, keeps every down-th."""
    batch, channels, height, width = x.shape
    spread = np.zeros((batch, channels, height * up, width * up))
    spread[:, :, ::up, ::up] = x
    padded = np.pad(spread, ((0, 0), (0, 0), pads, pads))
    rows, columns = padded.shape[2] - 3, padded.shape[3] - 3
    total = np.zeros((batch, channels, rows, columns))
    for i, j in np.ndindex(4, 4):
        total += SQUARE[i, j] * gain * padded[:, :, i : i + rows, j : j + columns]
    return total[:, :, ::down, ::down]


def convolved(x, kernel, *, stride=1, padding=0):
    """A correlation with a kernel of (outputs, inputs, size, size)."""
    size = kernel.shape[-1]
    padded = np.pad(x, ((0, 0), (0, 0), (padding,) * 2, (padding,) * 2))
    rows = (padded.shape[2] - size) // stride + 1
    total = np.zeros((len(x), len(kernel), rows, rows))
    for i, j in np.ndindex(size, size):
        seen = padded[:, :, i : i + stride * rows : stride, j : j + stride * rows : stride]
        total += np.einsum("bihw,oi->bohw", seen, kernel[:, :, i, j])
    return total


def spread(x, kernel):
    """Each pixel adds the kernel, times itself, at twice its place."""
    batch, _, size, _ = x.shape
    total = np.zeros((batch, len(kernel), 2 * size + 1, 2 * size + 1))
    for i, j in np.ndindex(size, size):
        patch = np.einsum("bi,oirc->borc", x[:, :, i, j], kernel)
        total[:, :, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3] += patch
    return total


def activated(x, bias, *, gain=1.0, clamp=None):
    x = x + bias.reshape(1, -1, *[1] * (x.ndim - 2))
    x = np.where(x > 0, x, 0.2 * x) * np.sqrt(2) * gain
    return x if clamp is None else np.clip(x, -clamp * gain, clamp * gain)


def dense(x, arrays, name, rate=1.0):
    weight = arrays[f"{name}.weight"] * rate / np.sqrt(x.shape[1])
    return x @ weight.T + arrays[f"{name}.bias"] * rate


def normalised(x):
    return x / np.sqrt((x**2).mean(axis=1, keepdims=True) + 1e-8)


def mapped(arrays, z, labels, rate):
    """The mapping network of a generator, or without z of a critic."""
    parts = [] if z is None else [normalised(z)]
    if "mapping.embed.weight" in arrays:
        weight = arrays["mapping.embed.weight"]
        each = np.eye(weight.shape[1])[labels]
        parts.append(normalised(dense(each, arrays, "mapping.embed")))
    x, i = np.concatenate(parts, axis=1), 0
    while f"mapping.fc{i}.weight" in arrays:
        x = dense(x, arrays, f"mapping.fc{i}", rate)
        x, i = np.where(x > 0, x, 0.2 * x) * np.sqrt(2), i + 1
    return x


def modulated(x, w, arrays, name, *, scaled, up=False):
    """A convolution by each image's own kernel, whose outputs have a length of 1."""
    kernel = arrays[f"{name}.weight"]
    style = dense(w, arrays, f"{name}.affine")
    if scaled:
        kernel = kernel / np.sqrt(kernel[0].size)
    images = []
    for image, factors in zip(x, style, strict=True):
        own = kernel * factors[None, :, None, None]
        own = own / np.sqrt((own**2).sum(axis=(1, 2, 3), keepdims=True) + 1e-8)
        if up:
            images.append(filtered(spread(image[None], own), pads=(1, 1), gain=4.0))
        else:
            images.append(convolved(image[None], own, padding=1))
    return np.concatenate(images)


def layer(x, w, arrays, name, options, *, up=False, gain=1.0, noise=True):
    x = modulated(x, w, arrays, name, scaled=options["scaled"], up=up)
    if noise and f"{name}.noise_strength" in arrays:
        x = x + arrays[f"{name}.noise_const"] * arrays[f"{name}.noise_strength"]
    return activated(x, arrays[f"{name}.bias"], gain=gain, clamp=options["clamp"])


def to_rgb(x, w, arrays, name, clamp):
    kernel = arrays[f"{name}.weight"]
    style = dense(w, arrays, f"{name}.affine") / np.sqrt(kernel.shape[1])
    own = [kernel * factors[None, :, None, None] for factors in style]
    x = np.stack([convolved(i[None], k)[0] for i, k in zip(x, own, strict=True)])
    x = x + arrays[f"{name}.bias"][None, :, None, None]
    return x if clamp is None else np.clip(x, -clamp, clamp)


def synthesised(arrays, ws, options, *, noise=True):
    """Images of a w for each layer, (n, layers, w)."""
    x = np.repeat(arrays["synthesis.b4.const"][None], len(ws), axis=0)
    image, size, used = None, 4, 0
    while f"synthesis.b{size}.conv1.weight" in arrays:
        block = f"synthesis.b{size}"
        residual = f"{block}.skip.weight" in arrays
        if size > 4:
            below = x
            x = layer(x, ws[:, used], arrays, f"{block}.conv0", options, up=True, noise=noise)
            used += 1
        gain = np.sqrt(0.5) if residual else 1.0
        x = layer(x, ws[:, used], arrays, f"{block}.conv1", options, gain=gain, noise=noise)
        used += 1
        if residual:
            kernel = arrays[f"{block}.skip.weight"]
            shortcut = convolved(below, kernel / np.sqrt(kernel.shape[1]))
            x = x + filtered(shortcut, up=2, pads=(2, 1), gain=4.0) * np.sqrt(0.5)
        if f"{block}.torgb.weight" in arrays:
            own = to_rgb(x, ws[:, used], arrays, f"{block}.torgb", options["clamp"])
            image = own if image is None else filtered(image, up=2, pads=(2, 1), gain=4.0) + own
        size *= 2
    return image


def with_stddev(x, group, count):
    """Appends `count` statistics of how every (n / group)-th image differs from its group."""
    batch = len(x)
    group = min(group, batch)
    maps = np.zeros((batch, count, *x.shape[2:]))
    width = x.shape[1] // count
    for n in range(batch):
        members = x[n % (batch // group) :: batch // group]
        for f in range(count):
            run = members[:, f * width : (f + 1) * width]
            deviations = np.sqrt(((run - run.mean(axis=0)) ** 2).mean(axis=0) + 1e-8)
            maps[n, f] = deviations.mean()
    return np.concatenate([x, maps], axis=1)


def plain(x, arrays, name, *, gain=1.0, clamp=None, halve=False):
    kernel = arrays[f"{name}.weight"] / np.sqrt(arrays[f"{name}.weight"][0].size)
    if halve:
        x = convolved(filtered(x, pads=(2, 2)), kernel, stride=2)
    else:
        x = convolved(x, kernel, padding=kernel.shape[-1] // 2)
    return activated(x, arrays[f"{name}.bias"], gain=gain, clamp=clamp)


def scored(arrays, images, labels, options):
    """A critic's scores."""
    size, clamp, x = images.shape[2], options["clamp"], None
    shows_all = "b4.fromrgb.weight" in arrays
    while size > 4:
        block = f"b{size}"
        if x is None or shows_all:
            seen = plain(images, arrays, f"{block}.fromrgb", clamp=clamp)
            x = seen if x is None else x + seen
            images = filtered(images, down=2, pads=(1, 1))
        residual = f"{block}.skip.weight" in arrays
        inside = plain(x, arrays, f"{block}.conv0", clamp=clamp)
        gain = np.sqrt(0.5) if residual else 1.0
        inside = plain(inside, arrays, f"{block}.conv1", gain=gain, clamp=clamp, halve=True)
        if residual:
            kernel = arrays[f"{block}.skip.weight"]
            shortcut = convolved(filtered(x, down=2, pads=(1, 1)), kernel / np.sqrt(x.shape[1]))
            inside = inside + shortcut * np.sqrt(0.5)
        x, size = inside, size // 2
    if shows_all:
        x = x + plain(images, arrays, "b4.fromrgb")
    if options["stddev_features"]:
        x = with_stddev(x, options["group"], options["stddev_features"])
    x = plain(x, arrays, "b4.conv", clamp=clamp)
    x = dense(x.reshape(len(x), -1), arrays, "b4.fc")
    x = np.where(x > 0, x, 0.2 * x) * np.sqrt(2)
    x = dense(x, arrays, "b4.out")
    if "mapping.embed.weight" not in arrays:
        return x[:, 0]
    vectors = mapped(arrays, None, labels, options["critic_rate"])
    return (x * vectors).sum(axis=1) / np.sqrt(x.shape[1])
