(with-exception-handler 5 (lambda () 1))
