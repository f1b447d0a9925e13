; stress
; Two tasks hand a list back and forth; each adds to it.
(define ping (make-channel))
(define pong (make-channel))
(define player
  (spawn (lambda ()
           (let loop ((n 0))
             (let ((ball (channel-receive ping)))
               (if (eof-object? ball)
                   n
                   (begin (channel-send pong (cons 'pong ball)) (loop (+ n 1)))))))))
(define (play n ball)
  (if (= n 0)
      ball
      (begin (channel-send ping (cons 'ping ball))
             (play (- n 1) (channel-receive pong)))))
(write (play 5 '())) (newline)
(channel-close ping)
(write (join player)) (newline)
