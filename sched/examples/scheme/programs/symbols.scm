; Symbols are interned: the same name is the same object, however it came about.
(define (show . xs)
  (for-each (lambda (x) (write x) (display " ")) xs)
  (newline))
(show 'abc 'ABC '+ '... '-> 'list->vector '<=? '1+)
(show (eq? 'abc 'abc) (eq? 'abc 'ABC) (symbol? 'a) (symbol? "a"))
(show (eq? 'hello (string->symbol "hello")) (eq? 'ab (string->symbol (string-append "a" "b"))))
(show (symbol->string 'name) (symbol=? 'a 'a 'a) (symbol=? 'a 'a 'b))
; Symbols made while the collector runs stay the same objects.
(define (numbered i) (string->symbol (string-append "s" (number->string i))))
(define made (map numbered (iota 1000)))
(define again (map numbered (iota 1000)))
(show (every (lambda (x) x) (map eq? made again)))
(show (length made) (list-ref made 999) (memq 's500 '(s1 s500 s2)))
