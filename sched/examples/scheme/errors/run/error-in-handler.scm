(with-exception-handler
  (lambda (e) (cdr e) 1)
  (lambda () (raise 'oops)))
