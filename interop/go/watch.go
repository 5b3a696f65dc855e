package main

import (
	"context"
	"fmt"
	"time"

	"github.com/gravitational/teleport/api/client"
	"github.com/gravitational/teleport/api/types"
)

// nextEvent waits for one event of a watch.
func nextEvent(watcher types.Watcher) (types.Event, error) {
	select {
	case event := <-watcher.Events():
		return event, nil
	case <-watcher.Done():
		return types.Event{}, watcher.Error()
	case <-time.After(5 * time.Second):
		return types.Event{}, fmt.Errorf("no event in 5 s")
	}
}

// checkWatch follows roles while one is written and deleted.
func checkWatch(ctx context.Context, t *table, clt *client.Client) {
	t.check("proto.AuthService/WatchEvents", func() error {
		watcher, err := clt.NewWatcher(ctx, types.Watch{Kinds: []types.WatchKind{{Kind: types.KindRole}}})
		if err != nil {
			return err
		}
		defer watcher.Close()
		first, err := nextEvent(watcher)
		if err != nil {
			return err
		}
		if err := expect(first.Type == types.OpInit, "first event is %v", first.Type); err != nil {
			return err
		}
		role, err := types.NewRole("interop-watched", types.RoleSpecV6{})
		if err != nil {
			return err
		}
		if _, err := clt.CreateRole(ctx, role); err != nil {
			return err
		}
		put, err := nextEvent(watcher)
		if err != nil {
			return err
		}
		if err := expect(put.Type == types.OpPut && put.Resource.GetName() == role.GetName(), "%+v", put); err != nil {
			return err
		}
		if err := clt.DeleteRole(ctx, role.GetName()); err != nil {
			return err
		}
		gone, err := nextEvent(watcher)
		if err != nil {
			return err
		}
		return expect(gone.Type == types.OpDelete && gone.Resource.GetName() == role.GetName(), "%+v", gone)
	})
	t.check("proto.AuthService/WatchEvents refuses secrets", func() error {
		kind := types.WatchKind{Kind: types.KindCertAuthority, LoadSecrets: true}
		watcher, err := clt.NewWatcher(ctx, types.Watch{Kinds: []types.WatchKind{kind}})
		if err != nil {
			return accessDenied(err)
		}
		defer watcher.Close()
		_, err = nextEvent(watcher)
		return accessDenied(err)
	})
}
