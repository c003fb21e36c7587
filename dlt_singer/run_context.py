"""dlt run context of a project with `data_dir`; imports nothing of ours."""
