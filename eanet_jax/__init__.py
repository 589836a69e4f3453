"""Classifies steel micrographs with external-attention transformers.

The package is built in wings. Each imports only from itself and from the wings
above it in this list:

  errors          what a user can put right, in one line
  runtime         the process, its devices, the console, the compiler
  configuration   recipes, the command line, what fields may be
  data            microscope files become clean images, splits and batches
  models          networks: images to logits; weights of other programs
  workdir         what a run leaves on disk: one module for each format
  explanation     what a network looked at
  inference       the forward pass, and classifying files
  evaluation      what answers are worth: scores, intervals, baselines
  training        objectives, the jitted step, the loop, saving
  reporting       pages, plots and tables for people; imports no JAX
  commands        one file for each verb, and the jobs that launch.py runs
  cli             the command `eanet`

(configuration, data and models do not import each other, nor do explanation and
inference, nor training and reporting.)

The path of one micrograph: data.micrographs reads and cleans the file, data
keeps it as TFRecord and as a view, and splits by specimen; training.train_step
augments a batch on the device and minimises an objective; workdir.checkpoints
keeps the best epoch; evaluation.answers and scoring say what it is worth;
reporting.html_pages shows it. For a new file inference.classify does the same
from the workdir alone.
"""
