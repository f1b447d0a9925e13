(display '(a . #0#))
