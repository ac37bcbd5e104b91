"""Opens a page in a real browser: takes screenshots of it, or checks that it works there.

    python docs/look.py PAGE.html [--out=FOLDER]
    python docs/look.py PAGE.html --check

It needs Chromium (`chromium`, `chromium-browser` or `google-chrome` in the path). Screenshots are
as wide as a phone and as a desk's screen, light and dark. The check opens a copy with a few more
lines of script, on a screen 320 pixels wide: nothing may stick out to the right, each slider must
show one picture, and another one when it is moved, and nothing may be fetched or fail. The status
is 1 if not.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from html import unescape
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDTHS = {"phone": 390, "desk": 1280}
SCHEMES = {"dark": 0, "light": 1}  # as Chromium numbers them
NARROW = 320  # pixels; Chromium's own windows are wider: the page lies in a frame
SECONDS = 120
# What the copy says of itself in the end.
PROBE = """<script>addEventListener("load", () => {
  const found = {players: []};
  for (const player of document.querySelectorAll(".player")) {
    const shown = () => player.querySelectorAll("figure.shown");
    const slider = player.querySelector("input"), steps = [];
    for (const value of [slider.min, slider.max]) {
      slider.value = value;
      slider.dispatchEvent(new Event("input"));
      steps.push([shown().length, shown()[0].querySelector("img").naturalWidth > 0,
                  slider.getAttribute("aria-valuetext")]);
    }
    found.players.push(steps);
  }
  found.wide = [...document.querySelectorAll("body *")].filter((each) => {
    const box = each.getBoundingClientRect();
    return box.right > innerWidth + 1 && !each.closest(".wide, nav, .skip, pre, .frames");
  }).map((each) => each.outerHTML.slice(0, 80));
  found.fetched = performance.getEntriesByType("resource")
    .map((each) => each.name).filter((name) => !name.startsWith("data:"));
  found.broken = [...document.images].filter((each) => !each.naturalWidth).length;
  parent.postMessage(JSON.stringify(found), "*");
})</script>"""
FRAME = """<!doctype html><title>look</title><pre id="said"></pre>
<iframe id="page" width="{width}" height="800" style="border:0" srcdoc="{page}"></iframe>
<script>addEventListener("message", (said) => {{
  document.getElementById("said").textContent = said.data;
}});</script>"""


def browser() -> str:
    """The browser's path; empty where there is none."""
    return next(filter(None, map(shutil.which, BROWSERS)), "")


def run(*flags: str) -> str:
    """Runs the browser without a window; returns what it prints."""
    with tempfile.TemporaryDirectory() as profile:
        common = ("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}")
        command = [browser(), *common, "--hide-scrollbars", "--virtual-time-budget=5000", *flags]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    if done.returncode:
        raise SystemExit(f"the browser failed: {done.stderr[-300:]}")
    return done.stdout


def photograph(page: Path, folder: Path, *, height: int) -> None:
    """Writes a screenshot for each width and each scheme of colours."""
    folder.mkdir(parents=True, exist_ok=True)
    for screen, width in WIDTHS.items():
        for scheme, number in SCHEMES.items():
            file = folder / f"{page.stem}_{screen}_{scheme}.png"
            run(
                f"--blink-settings=preferredColorScheme={number}",
                f"--window-size={width},{height}",
                f"--screenshot={file.resolve()}",
                page.resolve().as_uri(),
            )
            print(file)


def faults(page: Path) -> list[str]:
    """What does not work in the browser; nothing if all does."""
    text = page.read_text().replace("</body>", f"{PROBE}</body>")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy.html"
        quoted = text.replace("&", "&amp;").replace('"', "&quot;")
        copy.write_text(FRAME.format(width=NARROW, page=quoted))
        shown = run("--dump-dom", copy.as_uri())
    said = re.search(r'<pre id="said">(.*?)</pre>', shown, re.DOTALL)
    if not said or not said[1]:
        return ["the page said nothing: its scripts failed"]
    found = json.loads(unescape(said[1]))
    wrong = [f"sticks out: {each}" for each in found["wide"]]
    wrong += [f"fetches {name}" for name in found["fetched"]]
    wrong += [f"{found['broken']} pictures are not drawn"] if found["broken"] else []
    for number, (first, last) in enumerate(found["players"]):
        if [first[:2], last[:2]] != [[1, True]] * 2 or first[2] == last[2]:
            wrong.append(f"slider {number} does not move: {first}, {last}")
    return wrong


def main() -> int:
    """Looks at a page; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path)
    parser.add_argument("--out", type=Path, default=Path())
    parser.add_argument("--height", type=int, default=4000, help="of the screenshots, in pixels")
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    if not browser():
        raise SystemExit(f"expected a browser in the path, one of {', '.join(BROWSERS)}")
    if not given.check:
        photograph(given.page, given.out, height=given.height)
        return 0
    wrong = faults(given.page)
    print("\n".join(wrong) or f"{given.page}: works")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
