(display '{a})
