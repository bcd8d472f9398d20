import recommender as recommender  # before any module of tasks imports ONNX Runtime: recommender says why
