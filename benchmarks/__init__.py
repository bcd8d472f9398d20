import recommender as recommender  # before any module here imports ONNX Runtime; it says why
