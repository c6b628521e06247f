"""Figures, tables, verdicts and the report, from result files alone; nothing here imports TensorFlow.

    python -m figures.NAME RESULTS OUTPUT      figure2 .. figure12, table1, bounds, verdicts, summaries; last: report

runs reads a results folder; measures takes one number a run from it; statistics and kinds test and compare them;
style, curves and gaps are what the figures' panels share.
"""
