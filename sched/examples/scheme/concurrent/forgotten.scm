; Tasks that nobody joins, and channels that nobody keeps: the program ends all the same, and its values are as they were.
(define (leave-behind n)
  (if (> n 0)
      (begin
        (spawn (lambda () (channel-receive (make-channel))))
        (spawn (lambda () (let loop () (yield) (loop))))
        (spawn (lambda () 'ended))
        (leave-behind (- n 1)))))
(leave-behind 10)
(define kept (map (lambda (i) (list i)) (iota 1000)))
(collect-garbage)
(write (apply + (map car kept))) (newline)
(write (list (task? (spawn (lambda () 1))) (task? 5) (channel? (make-channel 2)) (channel? 'x))) (newline)
