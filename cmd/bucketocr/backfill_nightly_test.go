//go:build nightly

package main

import "testing"

func TestBackfillOfTwentyThousand(t *testing.T) { testBackfillMany(t, folderOffice(t), 20_000) }
