(let-values (a (values 1 2)) a)
