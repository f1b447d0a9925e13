(display "one")
(display "two)

