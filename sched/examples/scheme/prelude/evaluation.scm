; Programs as data. There is one environment: that of all globals.

(define (load path . environment) ((%compiled-file path)))
(define (eval expression . environment) ((%compiled-datum expression)))

; What `time` does: says on the standard error how long it took.
(define (%time thunk forms)
  (let ((start (current-jiffy)))
    (call-with-values thunk
      (lambda results
        (let ((took (/ (- (current-jiffy) start) (inexact (jiffies-per-second))))
              (port (current-error-port)))
          (write-string (string-append "took " (number->string took) " s: ") port)
          (write (if (null? (cdr forms)) (car forms) (cons 'begin forms)) port)
          (newline port)
          (apply values results))))))
