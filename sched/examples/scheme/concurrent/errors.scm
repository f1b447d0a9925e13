; stress
; What a task raises and does not handle, whoever joins it gets: the same object.
(define (told thunk)
  (guard (e ((error-object? e) (list (error-object-message e) (error-object-irritants e)))
            (#t (list 'raised e)))
    (thunk)))
(define t1 (spawn (lambda () (error "went wrong:" 1 "two"))))
(define t2 (spawn (lambda () (car '()))))
(define odd (list 'anything))
(define t3 (spawn (lambda () (raise odd))))
(write (told (lambda () (join t1)))) (newline)
(write (told (lambda () (join t2)))) (newline)
(write (guard (e (#t (eq? e odd))) (join t3))) (newline)
(write (guard (e (#t (eq? e odd))) (join t3))) (newline)
; An error that is handled in the task is nobody else's.
(write (join (spawn (lambda () (guard (e (#t 'handled)) (vector-ref (vector) 0)))))) (newline)
; Handlers are those of a task.
(define t4
  (with-exception-handler
    (lambda (e) 10)
    (lambda () (spawn (lambda () (+ 1 (raise-continuable 'oops)))))))
(write (told (lambda () (join t4)))) (newline)
; An error travels through several tasks.
(define (chain n) (spawn (lambda () (if (= n 0) (raise 'bottom) (join (chain (- n 1)))))))
(write (told (lambda () (join (chain 5))))) (newline)
(write (told (lambda () (spawn 5)))) (newline)
(write (told (lambda () (spawn (lambda (x) x))))) (newline)
(write (told (lambda () (join 'x)))) (newline)
(write (told (lambda () (channel-receive 'x)))) (newline)
(write (told (lambda () (make-channel -1)))) (newline)
(write (told (lambda () (select ((receive 7 x) x) (else 'nothing))))) (newline)
