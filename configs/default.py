"""Every field of a run, with its unit and reason. Recipes are deltas on this.

  python launch.py --config configs/eanet.py --config.train.epochs=10

Any field can be overridden on the command line as `--config.group.field=value`.
`python launch.py --help` shows the comments above and behind each field.
"""

import ml_collections


def eanet() -> ml_collections.ConfigDict:
  """Returns the `model` group of EANet, and of ViT as a variant of it."""
  model = ml_collections.ConfigDict()
  model.name = "eanet"  # the kind of network: eanet, vgg, or transfer
  # external: the paper's. single_memory: external, one memory as key and value.
  # self: ViT. simplified: softmax(F F^T) F, without parameters.
  model.attention_type = "external"
  # Side of the square of pixels that becomes one token; it divides image_px.
  model.patch_px = 16
  model.width = 64  # channels of a token
  model.num_blocks = 8  # of attention and MLP; paper, hyperparameters' table
  model.num_heads = 16  # of the attention
  model.num_slots = 16  # memory slots of each head, of external attention
  # Of external attention: double, over both axes of its map. tokens or slots:
  # half of it, the softmax over that axis alone.
  model.normalisation = "double"
  model.key_width = 64  # channels of each head, of self-attention
  model.mlp_width = 64  # hidden channels of each block's MLP; paper
  # patches: one product of each square of patch_px, the paper's. convolutions:
  # overlapping 3 x 3 ones of stride 2, as many as halve patch_px to 1.
  model.stem = "patches"
  # Side of a depthwise convolution over the tokens in each block; 0 is none.
  model.depthwise_size = 0
  model.position_embedding = True  # whether a token knows where it is
  # mean: of the tokens. maps: beside it the mean of each map of the stem.
  model.pooling = "mean"
  # Share of values dropped in training, behind each projection and MLP layer.
  model.dropout_rate = 0.2  # paper: projection dropout
  # Share of the attention map's values dropped in training.
  model.attention_dropout_rate = 0.2  # paper
  return _weights(model)


def vgg() -> ml_collections.ConfigDict:
  """Returns the `model` group of VGG16 and of VGG + attention."""
  model = ml_collections.ConfigDict()
  model.name = "vgg"  # the kind of network: eanet, vgg, or transfer
  # Between features and pooling: none, or external.
  model.attention_type = "none"
  # 64, 128, 256, 512, 512 channels times this. 1.0 is VGG16, which pretrained
  # weights need and an accelerator should train.
  model.width_multiplier = 0.125
  model.batch_norm = True  # behind each convolution; the original has none
  model.num_heads = 16  # of the attention, if there is
  model.num_slots = 16  # memory slots of each head, likewise
  model.dropout_rate = 0.2  # share of pooled features dropped in training
  # Share of the attention map's values dropped in training.
  model.attention_dropout_rate = 0.2
  return _weights(model)


def transfer() -> ml_collections.ConfigDict:
  """Returns the `model` group of a linear classifier on a frozen trunk."""
  model = ml_collections.ConfigDict()
  model.name = "transfer"  # the kind of network: eanet, vgg, or transfer
  # What looks at the images, as it was trained on photographs.
  model.trunk = "efficientnet_lite0"
  return _weights(model)


def _weights(model: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  """Adds the fields that every kind of network has."""
  # Weights to start from: .h5 of Keras, .safetensors or .npz; see
  # docs/weights.md.
  model.pretrained = ""
  # For so many epochs the weights that were read from it stay as they are.
  model.frozen_epochs = 0.0
  # Of activations and products: float32, or bfloat16 where the hardware has
  # it. Parameters, normalisations and the loss are float32 always.
  model.dtype = "float32"
  return model.lock()


def get_config() -> ml_collections.ConfigDict:
  """Returns the paper's recipe for EANet on the drawn micrographs."""
  config = ml_collections.ConfigDict()

  dataset = config.dataset = ml_collections.ConfigDict()
  # synthetic: drawn here, no files needed. folder: <class>/<specimen>/image
  # below `path`. nine_cr: the published 9-12 % Cr set as downloaded, at `path`.
  # unlabelled: images to any depth below `path`, to pre-train on.
  # table: a row for each file at `path`, a CSV, TSV or XLSX file.
  dataset.source = "synthetic"
  dataset.path = ""  # folder or table of the micrographs, if not drawn
  # Where built data sets are kept; "" is $TFDS_DATA_DIR, or else
  # ~/tensorflow_datasets, as TensorFlow Datasets has it.
  dataset.data_dir = ""
  # Memory that reading one file may take, in GB of 2^30 bytes, on Linux.
  # Files beyond a limit are left out, and listed in left_out.csv.
  dataset.file_limit_gb = 1.0
  # Seconds of a processor that it may take; by the clock five times as many.
  dataset.file_limit_s = 10.0
  # Rows of the data bar at the bottom of every file; -1 finds them.
  dataset.bar_rows = -1
  # hide: boxes drawn over the specimen, such as a scale bar, are filled with
  # what is around them, so that no network learns them. keep: they stay.
  dataset.overlays = "hide"
  # How wide the files' pixels are, in micrometres; 0 takes what they state.
  dataset.file_um_per_px = 0.0
  # Every micrograph is resampled to pixels so wide, in micrometres, so that
  # magnification cannot tell classes; 0 leaves them as they are.
  dataset.um_per_px = 0.0
  # Of the drawn micrographs only: another seed is another set.
  dataset.seed = 0
  # The first so many micrographs of each specimen; 0 is all.
  dataset.images_per_specimen = 0
  # Whether the same picture may be in two classes; else that is an error.
  dataset.allow_duplicates = False
  # whole: a micrograph resized to image_px square. tiles: its grid of squares
  # of tile_px, each resized to image_px; every tile is an example, and a
  # micrograph's probability is the mean over its tiles. auto: whole, or tiles
  # of image_px where those answer better for training specimens left out.
  dataset.view = "whole"
  # Side of the square that the network sees of a micrograph or a tile.
  dataset.image_px = 256  # with 16 px patches: 256 tokens, as the reference
  # Side of a tile, in pixels of the micrograph; it is resized to image_px.
  dataset.tile_px = 256
  # set: by the mean and spread of the training images' grey levels. image: by
  # each image's own, so that brightness and contrast cannot tell classes.
  dataset.standardise = "set"
  # A set up to this size, in MB, is kept on the device; a larger one streams.
  dataset.resident_mb = 2048

  split = config.split = ml_collections.ConfigDict()
  # specimen: no specimen is in two splits. micrograph: images of one specimen
  # may be; they are near-copies, so that its figures come out too high.
  split.by = "specimen"
  # What is set aside to choose the best epoch. specimen: whole specimens.
  # micrograph: some micrographs of each specimen that is not tested on, so that
  # a set of few specimens is trained on all of them. none: nothing, where there
  # are no epochs to choose from.
  split.validate_by = "specimen"
  # Hold out these, e.g. "('P92-1', 'HR-2', 'CPJ-3')"; () lets the seed choose.
  split.test_specimens = ()
  # Cross-validation: of `folds` parts, stratified by class, test on number
  # `fold`. 0 folds: test on test_fraction instead.
  split.folds = 0
  split.fold = 0  # which of the folds to test on, from 0; -1 for each in turn
  # Each of the folds is one specimen, of as many folds as there are specimens:
  # where two of a class are too few for more.
  split.leave_one_out = False
  # Every specimen is tested on, by one of up to five networks: each is trained
  # without a fold. What is kept is a network trained on all (discriminant), or
  # the mean of those (classes). Where folds, test_specimens or the source say
  # what to test on, it is one network.
  split.cross_validate = False
  # Of each class's micrographs about this share chooses the best epoch; by
  # specimen it is whole specimens, at least one.
  split.validation_fraction = 0.2
  # Likewise, about this share is tested on, where neither specimens nor folds
  # say which.
  split.test_fraction = 0.2
  # Of each class's training micrographs so many are trained on, the others not
  # used: how good are few labels?
  split.train_fraction = 1.0
  split.seed = 0  # of the draw: another seed is another split

  config.model = eanet()

  # A workdir of configs/pretrain.py, or of any run of the same network, from
  # whose weights this run starts, except those of the classifier.
  config.init_from = ""

  loss = config.loss = ml_collections.ConfigDict()
  # classes, or pairs: without labels, two quarters of each image are to be told
  # from those of others in the batch. See configs/pretrain.py. discriminant:
  # classes, in closed form, by a linear classifier on a frozen trunk.
  loss.objective = "classes"
  loss.temperature = 0.2  # of pairs: what cosines are divided by
  loss.embedding_size = 128  # of pairs: outputs of the network
  loss.gamma = 2.0  # of the focal loss; 0 is the cross-entropy
  loss.label_smoothing = 0.0  # share of a target spread over all classes
  # none, or balanced: a class weighs inversely to its training examples.
  loss.class_weights = "none"

  optimizer = config.optimizer = ml_collections.ConfigDict()
  optimizer.learning_rate = 1e-3  # of Adam, the highest of a schedule; paper
  # As optax and PyTorch count it: a step shrinks the weights by
  # learning_rate * weight_decay. Not on biases, norms, position embedding.
  optimizer.weight_decay = 1e-4  # paper
  # False adds weight_decay * weights to the gradient instead, as plain Adam
  # with L2 does; for comparison.
  optimizer.decoupled_decay = True
  # constant, or cosine: down to 0 at the last step.
  optimizer.schedule = "constant"
  optimizer.warmup_epochs = 0.0  # linear from 0, with either schedule
  optimizer.clip_norm = 0.0  # global norm of the gradient; 0 is no clipping

  # On the device, each training image anew in each epoch.
  augment = config.augment = ml_collections.ConfigDict()
  augment.flips = True  # mirrored, or not, each as likely
  # By 0, 90, 180 or 270 degrees, each as likely.
  augment.quarter_turns = True  # a microstructure has no up
  augment.rotation_deg = 10.0  # angle uniform in +- this
  augment.zoom = 0.1  # scale uniform in 1 +- zoom; lath width is a cue
  # Random squares of this share of the image's side or more, anywhere in it.
  augment.crop = 1.0
  # So many images are not rotated, zoomed or cropped, but flipped and turned
  # alone: those interpolate, and an image that is tested on is sharper.
  augment.exact = 0.0
  # Spread of a Gaussian blur in px: up to this in one image of two, in the
  # other none.
  augment.blur = 0.0
  # Spread of white noise as a share of the image's own spread, likewise.
  augment.noise = 0.0
  augment.contrast = 0.2  # factor uniform in 1 +- contrast
  augment.brightness = 0.2  # shift uniform in +-, in standard deviations

  train = config.train = ml_collections.ConfigDict()
  # Passes over the training images; 0 evaluates the untrained network.
  train.epochs = 50  # paper
  # So long may be spent on trying whether tiles are better, for view=auto.
  train.minutes = 15.0
  # Images of one training step, over all devices together.
  train.batch_size = 16  # paper
  train.seed = 0  # of initialisation, batch order, augmentation and dropout
  # Training steps in one dispatch; 0 is one on a CPU, and as many as fit an
  # epoch on an accelerator.
  train.steps_per_dispatch = 0
  # Training steps of which a profile is written to WORKDIR/trace: the first,
  # and the one behind the last, e.g. (20, 25); () is none. See
  # docs/training.md.
  train.trace_steps = ()
  # Where losses and scores go besides the run's own files: tensorboard, mlflow,
  # both, e.g. ('tensorboard', 'mlflow'), or () for neither.
  train.writers = ("tensorboard",)

  evaluation = config.evaluation = ml_collections.ConfigDict()
  # Images in one forward pass; it changes no result. A CPU takes 16 at most.
  evaluation.batch_size = 64
  # Of each image that the test and predictions look at: 1, as it is; 4 quarter
  # turns; 8, mirrored too. Probabilities are the mean over them.
  evaluation.orientations = 1
  evaluation.bootstrap_resamples = 1000  # over specimens, for the intervals

  return config.lock()
