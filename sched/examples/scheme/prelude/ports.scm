; Ports and procedures: the ones that call.

; Runs thunk with another port in force: 0 is input, 1 output, 2 errors.
(define (%with-port which port thunk)
  (let ((former (%current-port which)))
    (dynamic-wind
     (lambda () (%set-current-port! which port))
     thunk
     (lambda () (%set-current-port! which former)))))

(define (call-with-port port f)
  (let ((value (f port)))
    (close-port port)
    value))

(define (call-with-output-string f)
  (let ((port (open-output-string)))
    (f port)
    (get-output-string port)))

(define (with-output-to-string . thunk)
  (let ((port (open-output-string)))
    (if (pair? thunk) (%with-port 1 port (car thunk)))
    (get-output-string port)))

(define (with-input-from-string s thunk) (%with-port 0 (open-input-string s) thunk))
(define (call-with-input-string s f) (f (open-input-string s)))
(define (call-with-input-file path f) (call-with-port (open-input-file path) f))
(define (call-with-output-file path f) (call-with-port (open-output-file path) f))

(define (with-input-from-file path thunk)
  (call-with-port (open-input-file path) (lambda (port) (%with-port 0 port thunk))))

(define (with-output-to-file path thunk)
  (call-with-port (open-output-file path) (lambda (port) (%with-port 1 port thunk))))

(define (%write-objects objects)
  (for-each display objects)
  (newline))

(define (pp x . port) (apply write x port) (apply newline port))
(define (pretty-print x . port) (apply pp x port))
(define (print . objects) (%write-objects objects))
(define (write-line x . port) (apply write x port) (apply newline port))
(define (displayln x . port) (apply display x port) (apply newline port))
