(guard e (#t 1))
