import recommender as recommender  # before any module of benchmarks imports ONNX Runtime: it says there why
