; Ports and procedures: the ones that call.

; The ports in force are parameters: see make-parameter. 0 is input, 1 output, 2 errors.
(define (%port-parameter which arguments)
  (cond ((null? arguments) (%current-port which))
        ((and (eq? (car arguments) %bind-parameters) (pair? (cdr arguments)))
         (cons (%standard-port which) (cadr arguments)))
        (else (error "a parameter takes no arguments, but got" arguments))))

(define (current-input-port . arguments) (%port-parameter 0 arguments))
(define (current-output-port . arguments) (%port-parameter 1 arguments))
(define (current-error-port . arguments) (%port-parameter 2 arguments))

(define (%with-port parameter port thunk)
  (%parameterize (list (cons parameter port)) thunk))

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
    (if (pair? thunk) (%with-port current-output-port port (car thunk)))
    (get-output-string port)))

(define (with-input-from-string s thunk) (%with-port current-input-port (open-input-string s) thunk))
(define (call-with-input-string s f) (f (open-input-string s)))
(define (call-with-input-file path f) (call-with-port (open-input-file path) f))
(define (call-with-output-file path f) (call-with-port (open-output-file path) f))

(define (with-input-from-file path thunk)
  (call-with-port (open-input-file path) (lambda (port) (%with-port current-input-port port thunk))))

(define (with-output-to-file path thunk)
  (call-with-port (open-output-file path) (lambda (port) (%with-port current-output-port port thunk))))

(define (%write-objects objects)
  (for-each display objects)
  (newline))

(define (pp x . port) (apply write x port) (apply newline port))
(define (pretty-print x . port) (apply pp x port))
(define (print . objects) (%write-objects objects))
(define (write-line x . port) (apply write x port) (apply newline port))
(define (displayln x . port) (apply display x port) (apply newline port))
