//! Tables over CloudTrail log files where they lie: found by walking prefixes, pruned, and decoded to the columns that a query needs.
