"""Classifies steel micrographs with external-attention transformers.

The path of one micrograph, each stage a module that imports only from those
before it:

  data.micrographs     a microscope's file becomes a clean grey image
  data.sources         which file is of which class and specimen
  data.sem_steel       micrographs become TFRecords (a TFDS builder)
  data.input_pipeline  TFRecords become arrays of what a network sees
  data.splits          training, validation and test, by specimen
  data.batching        which examples a step trains on
  augment              flips, turns, zooms, on the device
  models, losses       images become logits, logits a loss
  train                the jitted step, and dispatching it
  evaluate, metrics    logits become scores
  pretrained, trained  weights of other programs, or of a run, to start from
  fit                  the loop over epochs
  baselines            what a result must stand beside
  assessment           the best checkpoint becomes results.json
  report               a workdir becomes a page for people
  experiment           the job from data to results and report
  standings, comparison  many systems, folds and seeds become one table
  predict              a workdir and files become predictions

Front doors: launch.py for jobs, the command `eanet` (cli) for the rest; startup
is what both do first, fusion what a CPU's compiler is told.
"""
