#!/bin/sh
# Runs on the lease's side of a workspace; see common.sh.
# Prints the commit and the branch that the run has come to, a line each; empty where there is none.
. ./common.sh
need git
own_git rev-parse -q --verify 'HEAD^{commit}' || echo
own_git symbolic-ref -q --short HEAD || echo
