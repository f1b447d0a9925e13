#| Block comments
   #| nest |#
   and are blank. |#
(display "a") ; to the end of the line
(display #;(this is (not) there) "b")
(display (+ 1 #;2 3 #| 4 |# 5))
(display '(1 #;2 3 #;(4 5)))
(display (quote #;hidden shown))
#;(display "never")
#; #; (display "x") (display "y")
(display '(a . #;b c))
(newline);
(display "strings keep ; and #| |# and #;")
(newline)
