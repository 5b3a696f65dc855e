package main

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/gravitational/teleport/api/client"
	"github.com/gravitational/teleport/api/client/proto"
	"github.com/gravitational/teleport/api/defaults"
	"github.com/gravitational/teleport/api/types"
)

const listed = 25

// checkListing registers servers without an agent and lists them in every way.
func checkListing(ctx context.Context, t *table, clt *client.Client, s settings) {
	names := make([]string, listed)
	t.check("proto.AuthService/UpsertNode", func() error {
		for i := range names {
			names[i] = uuid.NewString()
			labels := map[string]string{"interop": "yes", "parity": fmt.Sprint(i % 2)}
			spec := types.ServerSpecV2{Addr: "127.0.0.1:1", Hostname: fmt.Sprintf("interop-%02d", i)}
			node, err := types.NewServerWithLabels(names[i], types.KindNode, spec, labels)
			if err != nil {
				return err
			}
			node.SetSubKind(types.SubKindOpenSSHNode)
			if _, err := clt.UpsertNode(ctx, node); err != nil {
				return err
			}
		}
		return nil
	})
	t.check("proto.AuthService/GetNode", func() error {
		node, err := clt.GetNode(ctx, defaults.Namespace, names[0])
		if err != nil {
			return err
		}
		_, missing := clt.GetNode(ctx, defaults.Namespace, uuid.NewString())
		return all(
			func() error { return expect(node.GetHostname() == "interop-00", "%v", node.GetHostname()) },
			func() error { return notFound(missing) },
		)
	})
	checkListResources(ctx, t, clt)
	checkUnified(ctx, t, clt)
	t.check("proto.AuthService/GetSSHTargets", func() error {
		answer, err := clt.GetSSHTargets(ctx, &proto.GetSSHTargetsRequest{Host: s.node, Port: "0"})
		if err != nil {
			return err
		}
		return expect(len(answer.Servers) == 1, "%d servers", len(answer.Servers))
	})
	t.check("proto.AuthService/ResolveSSHTarget", func() error {
		answer, err := clt.ResolveSSHTarget(ctx, &proto.ResolveSSHTargetRequest{PredicateExpression: `name == "interop-03"`})
		if err != nil {
			return err
		}
		return expect(answer.Server.GetHostname() == "interop-03", "%v", answer.Server.GetHostname())
	})
	t.check("proto.AuthService/DeleteNode", func() error {
		for _, name := range names {
			if err := clt.DeleteNode(ctx, defaults.Namespace, name); err != nil {
				return err
			}
		}
		return notFound(clt.DeleteNode(ctx, defaults.Namespace, names[0]))
	})
	t.check("proto.AuthService/GetDatabases", func() error { _, err := clt.GetDatabases(ctx); return err })
}

func checkListResources(ctx context.Context, t *table, clt *client.Client) {
	request := func(predicate string) *proto.ListResourcesRequest {
		return &proto.ListResourcesRequest{
			ResourceType: types.KindNode, Namespace: defaults.Namespace, Limit: 10,
			PredicateExpression: predicate, Labels: map[string]string{"interop": "yes"},
		}
	}
	t.check("proto.AuthService/ListResources page by page", func() error {
		found, err := client.GetAllResources[types.Server](ctx, clt, request(""))
		if err != nil {
			return err
		}
		return expect(len(found) == listed, "%d servers", len(found))
	})
	predicates := map[string]int{
		`labels["parity"] == "0"`:                                13,
		`labels.parity == "1" && name == "interop-01"`:           1,
		`name == "interop-01" || name == "interop-02"`:           2,
		`!(labels["parity"] == "0")`:                             12,
		`hasPrefix(name, "interop-1")`:                           10,
		`search("interop-07")`:                                   1,
		`equals(labels["parity"], "1")`:                          12,
		`exists(labels["parity"])`:                               25,
		`exists(labels["nothing"])`:                              0,
		`resource.metadata.labels["parity"] == "0"`:              13,
		`resource.spec.hostname == "interop-05"`:                 1,
		`labels["env"] != "dev" && hasPrefix(name, "interop-2")`: 5,
	}
	for predicate, count := range predicates {
		t.check("proto.AuthService/ListResources where "+predicate, func() error {
			found, err := client.GetAllResources[types.Server](ctx, clt, request(predicate))
			if err != nil {
				return err
			}
			return expect(len(found) == count, "%d servers, not %d", len(found), count)
		})
	}
	t.check("proto.AuthService/ListResources says that a predicate is wrong", func() error {
		_, err := client.GetAllResources[types.Server](ctx, clt, request("name =="))
		if err := badParameter(err); err != nil {
			return err
		}
		_, err = client.GetAllResources[types.Server](ctx, clt, request(`nonsense(name)`))
		return badParameter(err)
	})
	t.check("proto.AuthService/ListResources with a total and sorted", func() error {
		wish := request("")
		wish.NeedTotalCount = true
		wish.SortBy = types.SortBy{Field: types.ResourceSpecHostname, IsDesc: true}
		page, err := client.GetResourcePage[types.Server](ctx, clt, wish)
		if err != nil {
			return err
		}
		first := page.Resources[0].GetHostname()
		return expect(page.Total == listed && first == "interop-24", "%d, first %s", page.Total, first)
	})
	for _, kind := range []string{types.KindDatabaseServer, types.KindKubeServer, types.KindAppServer} {
		t.check("proto.AuthService/ListResources of "+kind, func() error {
			wish := proto.ListResourcesRequest{ResourceType: kind, Namespace: defaults.Namespace, Limit: 10}
			_, err := clt.ListResources(ctx, wish)
			return err
		})
	}
}

func checkUnified(ctx context.Context, t *table, clt *client.Client) {
	request := func() *proto.ListUnifiedResourcesRequest {
		return &proto.ListUnifiedResourcesRequest{
			Kinds: []string{types.KindNode}, Limit: 10, Labels: map[string]string{"interop": "yes"},
			SortBy: types.SortBy{Field: types.ResourceMetadataName},
		}
	}
	t.check("proto.AuthService/ListUnifiedResources page by page", func() error {
		found, err := client.GetAllUnifiedResources(ctx, clt, request())
		if err != nil {
			return err
		}
		return expect(len(found) == listed, "%d servers", len(found))
	})
	t.check("proto.AuthService/ListUnifiedResources with search and predicate", func() error {
		wish := request()
		wish.SearchKeywords = []string{"interop-1"}
		wish.PredicateExpression = `labels["parity"] == "0"`
		found, err := client.GetAllUnifiedResources(ctx, clt, wish)
		if err != nil {
			return err
		}
		return expect(len(found) == 5, "%d servers, not 5", len(found))
	})
	t.check("proto.AuthService/ListUnifiedResources of what could be requested is empty", func() error {
		wish := request()
		wish.UseSearchAsRoles = true
		found, err := client.GetAllUnifiedResources(ctx, clt, wish)
		if err != nil {
			return err
		}
		return expect(len(found) == 0, "%d servers", len(found))
	})
	t.check("proto.AuthService/ListUnifiedResources with logins", func() error {
		wish := request()
		wish.IncludeLogins = true
		found, _, err := client.GetUnifiedResourcePage(ctx, clt, wish)
		if err != nil {
			return err
		}
		return expect(len(found) > 0 && len(found[0].Logins) > 0, "no logins in %+v", found)
	})
}
