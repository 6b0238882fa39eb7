"""The paper's tables and figures, and what its silent choices do, each by one command."""
