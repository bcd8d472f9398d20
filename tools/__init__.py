import recommender as recommender  # before any module of tools imports ONNX Runtime: recommender says why
