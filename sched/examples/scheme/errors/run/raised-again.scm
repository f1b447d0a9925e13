(define (f) (+ (raise 5) 1))
(guard (e ((string? e) 'no)) (f))
