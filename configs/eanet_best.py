"""EANet for few, real micrographs."""

from configs import default


def get_config():
  config = default.get_config()
  config.dataset.standardise = "image"
  model = config.model
  model.stem = "convolutions"
  model.depthwise_size = 3
  model.num_blocks = 4
  model.position_embedding = False
  model.pooling = "maps"
  model.dropout_rate = 0.1
  model.attention_dropout_rate = 0.1
  config.loss.gamma = 0.0
  config.loss.label_smoothing = 0.1
  config.optimizer.learning_rate = 2e-3
  config.optimizer.schedule = "cosine"
  config.optimizer.warmup_epochs = 3.0
  config.optimizer.weight_decay = 0.02
  config.augment.crop = 0.7
  config.augment.contrast = 0.0
  config.augment.brightness = 0.0
  config.train.epochs = 60
  return config
