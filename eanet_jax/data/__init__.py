"""From microscope files to batches on devices.

Where to look, in the order that a data set goes:

  which files     sources: image_folders, class_folders, file_kinds, spelling;
                  table_cells, tables; entries; file_contents,
                  input_files; to be classified: given_files
  one file        micrographs, micrograph_errors; in a process of its own:
                  file_readers, reader_process, file_limits, read_ahead
    its pixels    image_files: signatures, whole_pictures, jpeg_scans,
                  png_depth, grey_pictures, grey_samples
    or an array   grey_arrays
    of a TIFF     tiff_directories, tiff_samples, tiff_segments, tiff_bands,
                  tiff_colours
    its levels    grey_levels, level_scales
    bar, scale    bar_and_scale: vendor_metadata, data_bar
    labels        overlays
  all of a set    cleaning, duplicates, picture_facts, shortcuts
    as drawings   synthetic: drawn_surface, drawn_bar
  what is kept    view_store, view_facts, sem_steel (TFRecords), built_files
  its split       splits: held_out, split_parts, split_copies, stated_split,
                  known_specimens
  for a run       dataset, batching
  to look at      inspection, contact_sheet, thumbnails
"""
