(display (if 1 2 else))
