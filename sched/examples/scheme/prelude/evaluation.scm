; Programs as data. There is one environment: that of all globals.

(define (load path . environment) ((%compiled-file path)))
(define (eval expression . environment) ((%compiled-datum expression)))
