(define (lines path)
  (call-with-input-file path read-line))
(display (lines "/no/such/file"))
