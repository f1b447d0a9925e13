(display #yes)
