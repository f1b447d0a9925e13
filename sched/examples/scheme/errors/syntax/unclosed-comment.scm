(display 1)
#| a #| b |#
(display 2)
