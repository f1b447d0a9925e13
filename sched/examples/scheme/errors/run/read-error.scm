(define in (open-input-string "(a . b c)"))
(display (read in))
