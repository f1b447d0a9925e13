(define in (open-input-string "abc"))
(close-port in)
(display (read-char in))
