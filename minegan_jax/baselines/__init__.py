"""Methods that the paper compares MineGAN with (section 4): each is one file."""
