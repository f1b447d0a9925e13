; The ports in force are parameters: bound for an extent, restored by every way out, and apart from other continuations.
(define (show . xs) (for-each (lambda (x) (write x) (display " ")) xs) (newline))
(define out (open-output-string))
(parameterize ((current-output-port out))
  (display "inside")
  (parameterize ((current-output-port (open-output-string))) (display "lost"))
  (write (list 1 "two")))
(show (get-output-string out))
(define in (open-input-string "(a b) c"))
(show (parameterize ((current-input-port in)) (let* ((a (read)) (b (read))) (list a b (eof-object? (read))))))
(show (with-input-from-string "line one\nline two" (lambda () (read-line) (read-line))))
; An error and an escape leave the port as it was.
(define caught
  (call-with-current-continuation
   (lambda (k)
     (with-output-to-string
      (lambda ()
        (display "never seen")
        (k 'escaped))))))
(show caught (eq? (current-output-port) (current-output-port)))
(show (with-exception-handler
       (lambda (e) 'ignored)
       (lambda () (call/cc (lambda (k) (with-exception-handler (lambda (e) (k (list 'caught (error-object-message e)))) (lambda () (with-output-to-string (lambda () (error "in the middle"))))))))))
; Re-entry writes to the string port once more.
(define again #f)
(define count 0)
(define text
  (with-output-to-string
   (lambda ()
     (call/cc (lambda (k) (set! again k)))
     (display "x"))))
(set! count (+ count 1))
(if (< count 3) (again 'once-more))
(show text count)
(show (string? (call-with-output-string (lambda (port) (write-string "to a port" port) (display "to the current one")))))
