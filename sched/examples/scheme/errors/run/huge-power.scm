; options: --heap-limit 64M
(display (expt 3 10000000000))
