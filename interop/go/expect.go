package main

import (
	"fmt"

	"github.com/gravitational/trace"
)

// expect gives an error unless the fact holds.
func expect(fact bool, format string, arguments ...any) error {
	if fact {
		return nil
	}
	return fmt.Errorf(format, arguments...)
}

// refused gives an error unless err is of the wanted kind, as trace tells kinds apart.
func refused(err error, is func(error) bool, kind string) error {
	if err == nil {
		return fmt.Errorf("allowed, although it should be refused as %s", kind)
	}
	if !is(err) {
		return fmt.Errorf("refused, but not as %s: %v", kind, err)
	}
	return nil
}

func notFound(err error) error      { return refused(err, trace.IsNotFound, "NotFound") }
func alreadyExists(err error) error { return refused(err, trace.IsAlreadyExists, "AlreadyExists") }
func compareFailed(err error) error { return refused(err, trace.IsCompareFailed, "CompareFailed") }
func accessDenied(err error) error  { return refused(err, trace.IsAccessDenied, "AccessDenied") }
func badParameter(err error) error  { return refused(err, trace.IsBadParameter, "BadParameter") }

// all runs steps until one fails.
func all(steps ...func() error) error {
	for number, step := range steps {
		if err := step(); err != nil {
			return fmt.Errorf("step %d: %w", number+1, err)
		}
	}
	return nil
}
