"""The whole workflow for an experiment file, by Snakemake."""
