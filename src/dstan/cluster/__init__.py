"""Clusters of several hosts: the keys that their messages need, and workers through SLURM."""

from dstan.cluster.jobs import job_script
from dstan.cluster.keys import Keys, make_keys, read_keys
from dstan.cluster.settings import SlurmSettings
from dstan.cluster.slurm import SlurmCluster, slurm_cluster

__all__ = ["Keys", "SlurmCluster", "SlurmSettings", "job_script", "make_keys", "read_keys", "slurm_cluster"]
