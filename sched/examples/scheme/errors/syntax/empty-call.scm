(display (list 1 ()))
