package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gravitational/teleport/api/client"
	"github.com/gravitational/teleport/api/client/proto"
	userspb "github.com/gravitational/teleport/api/gen/proto/go/teleport/users/v1"
	"github.com/gravitational/teleport/api/types"
)

func newUser(name string, roles ...string) (types.User, error) {
	user, err := types.NewUser(name)
	if err != nil {
		return nil, err
	}
	user.SetRoles(roles)
	user.SetLogins([]string{"root"})
	return user, nil
}

// checkUsers creates, reads, changes and deletes people.
func checkUsers(ctx context.Context, t *table, clt *client.Client) {
	const name = "interop-user"
	user, err := newUser(name, "access")
	if err != nil {
		panic(err)
	}
	var stored types.User
	t.check("teleport.users.v1.UsersService/CreateUser", func() (err error) {
		if stored, err = clt.CreateUser(ctx, user); err != nil {
			return err
		}
		_, err = clt.CreateUser(ctx, user)
		return alreadyExists(err)
	})
	t.check("teleport.users.v1.UsersService/CreateUser refuses unknown roles", func() error {
		other, _ := newUser("interop-other", "nope")
		_, err := clt.CreateUser(ctx, other)
		return notFound(err)
	})
	t.check("teleport.users.v1.UsersService/GetUser", func() error {
		read, err := clt.GetUser(ctx, name, false)
		if err != nil {
			return err
		}
		return all(
			func() error { return expect(read.GetRoles()[0] == "access", "%v", read.GetRoles()) },
			func() error { return expect(read.GetLogins()[0] == "root", "%v", read.GetLogins()) },
			func() error { _, err := clt.GetUser(ctx, "nope", false); return notFound(err) },
			func() error { _, err := clt.GetUser(ctx, name, true); return accessDenied(err) },
		)
	})
	t.check("teleport.users.v1.UsersService/GetUser of oneself", func() error {
		_, err := clt.GetCurrentUser(ctx)
		return err
	})
	t.check("teleport.users.v1.UsersService/ListUsers page by page", func() error {
		seen, token := map[string]bool{}, ""
		for pages := 0; ; pages++ {
			answer, err := clt.ListUsers(ctx, &userspb.ListUsersRequest{PageSize: 1, PageToken: token})
			if err != nil {
				return err
			}
			for _, user := range answer.Users {
				if seen[user.GetName()] {
					return fmt.Errorf("%s comes twice", user.GetName())
				}
				seen[user.GetName()] = true
			}
			if token = answer.NextPageToken; token == "" {
				return expect(seen[name] && pages > 0, "%v", seen)
			}
		}
	})
	t.check("teleport.users.v1.UsersService/UpdateUser with a stale revision", func() error {
		fresh := stored
		fresh.SetRoles([]string{"access", "auditor"})
		if _, err := clt.UpdateUser(ctx, fresh); err != nil {
			return err
		}
		_, err := clt.UpdateUser(ctx, stored)
		return compareFailed(err)
	})
	t.check("teleport.users.v1.UsersService/UpsertUser", func() error {
		_, err := clt.UpsertUser(ctx, user)
		return err
	})
	t.check("proto.AuthService/CreateResetPasswordToken", func() error {
		request := &proto.CreateResetPasswordTokenRequest{Name: name, Type: "invite", TTL: proto.Duration(time.Hour)}
		token, err := clt.CreateResetPasswordToken(ctx, request)
		if err != nil {
			return err
		}
		return expect(token.GetURL() != "" && token.GetUser() == name, "%+v", token)
	})
	t.check("teleport.users.v1.UsersService/DeleteUser", func() error {
		if err := clt.DeleteUser(ctx, name); err != nil {
			return err
		}
		return notFound(clt.DeleteUser(ctx, name))
	})
}

// checkRoles does the same with roles.
func checkRoles(ctx context.Context, t *table, clt *client.Client) {
	const name = "interop-role"
	role, err := types.NewRole(name, types.RoleSpecV6{
		Options: types.RoleOptions{DeviceTrustMode: "required", MaxSessionTTL: types.NewDuration(time.Hour)},
		Allow: types.RoleConditions{
			Logins:     []string{"{{internal.logins}}"},
			NodeLabels: types.Labels{"env": {"dev", "prod"}},
			Rules:      []types.Rule{types.NewRule(types.KindDevice, []string{types.VerbList, types.VerbRead})},
		},
		Deny: types.RoleConditions{Logins: []string{"guest"}},
	})
	if err != nil {
		panic(err)
	}
	var stored types.Role
	t.check("proto.AuthService/CreateRole", func() (err error) {
		if stored, err = clt.CreateRole(ctx, role); err != nil {
			return err
		}
		_, err = clt.CreateRole(ctx, role)
		return alreadyExists(err)
	})
	t.check("proto.AuthService/GetRole gives back what was stored", func() error {
		read, err := clt.GetRole(ctx, name)
		if err != nil {
			return err
		}
		options := read.GetOptions()
		return all(
			func() error { return expect(options.DeviceTrustMode == "required", "%+v", options) },
			func() error { return expect(options.MaxSessionTTL.Duration() == time.Hour, "%+v", options) },
			func() error {
				labels := read.GetNodeLabels(types.Allow)
				return expect(len(labels["env"]) == 2, "%v", labels)
			},
			func() error { return expect(read.GetLogins(types.Deny)[0] == "guest", "deny is lost") },
			func() error { _, err := clt.GetRole(ctx, "nope"); return notFound(err) },
		)
	})
	t.check("proto.AuthService/GetRoles", func() error {
		roles, err := clt.GetRoles(ctx)
		if err != nil {
			return err
		}
		return expect(len(roles) > 5, "%d roles", len(roles))
	})
	t.check("proto.AuthService/ListRoles page by page", func() error {
		count, key := 0, ""
		for {
			answer, err := clt.ListRoles(ctx, &proto.ListRolesRequest{Limit: 2, StartKey: key})
			if err != nil {
				return err
			}
			count += len(answer.Roles)
			if key = answer.NextKey; key == "" {
				return expect(count > 5, "%d roles", count)
			}
		}
	})
	t.check("proto.AuthService/GetCurrentUserRoles", func() error {
		roles, err := clt.GetCurrentUserRoles(ctx)
		if err != nil {
			return err
		}
		return expect(len(roles) > 0, "no roles")
	})
	t.check("proto.AuthService/UpdateRole with a stale revision", func() error {
		if _, err := clt.UpdateRole(ctx, stored); err != nil {
			return err
		}
		_, err := clt.UpdateRole(ctx, stored)
		return compareFailed(err)
	})
	t.check("proto.AuthService/UpsertRoleV2", func() error {
		_, err := clt.UpsertRole(ctx, role)
		return err
	})
	t.check("proto.AuthService/DeleteRole", func() error {
		if err := clt.DeleteRole(ctx, name); err != nil {
			return err
		}
		return notFound(clt.DeleteRole(ctx, name))
	})
}

// checkUnknownFields writes back what it read, changed: a role and the preference that have fields which the module does not
// know. In between both are text, as in the editor of somebody with the official tctl: what the module cannot name is lost there.
// Whoever started this program looks whether the fields are still there.
func checkUnknownFields(ctx context.Context, t *table, clt *client.Client) {
	t.check("proto.AuthService/UpsertRoleV2 of a role with posture rules", func() error {
		read, err := clt.GetRole(ctx, "interop-ruled")
		if err != nil {
			return err
		}
		role := &types.RoleV6{}
		if err := throughText(read, role); err != nil {
			return err
		}
		role.SetLogins(types.Allow, []string{"changed"})
		_, err = clt.UpsertRole(ctx, role)
		return err
	})
	t.check("teleport.clusterconfig.v1.ClusterConfigService/UpdateAuthPreference with posture rules", func() error {
		read, err := clt.GetAuthPreference(ctx)
		if err != nil {
			return err
		}
		preference := &types.AuthPreferenceV2{}
		if err := throughText(read, preference); err != nil {
			return err
		}
		preference.SetDisconnectExpiredCert(true)
		_, err = clt.UpdateAuthPreference(ctx, preference)
		return err
	})
}

// throughText reads into the second what the first is as JSON.
func throughText(from, to any) error {
	text, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, to)
}

// checkTokens does the same with join tokens.
func checkTokens(ctx context.Context, t *table, clt *client.Client) {
	const name = "interop-token-that-nobody-guesses"
	roles := types.SystemRoles{types.RoleNode}
	token, err := types.NewProvisionToken(name, roles, time.Now().Add(time.Hour))
	if err != nil {
		panic(err)
	}
	t.check("proto.AuthService/CreateTokenV2", func() error {
		if err := clt.CreateToken(ctx, token); err != nil {
			return err
		}
		return alreadyExists(clt.CreateToken(ctx, token))
	})
	t.check("proto.AuthService/UpsertTokenV2", func() error { return clt.UpsertToken(ctx, token) })
	t.check("proto.AuthService/GetToken", func() error {
		read, err := clt.GetToken(ctx, name)
		if err != nil {
			return err
		}
		return expect(read.GetRoles().Include(types.RoleNode), "%v", read.GetRoles())
	})
	t.check("proto.AuthService/GetTokens", func() error {
		tokens, err := clt.GetTokens(ctx)
		if err != nil {
			return err
		}
		return expect(len(tokens) > 0, "no tokens")
	})
	t.check("proto.AuthService/DeleteToken", func() error {
		if err := clt.DeleteToken(ctx, name); err != nil {
			return err
		}
		return notFound(clt.DeleteToken(ctx, name))
	})
}

// checkLocks does the same with locks.
func checkLocks(ctx context.Context, t *table, clt *client.Client) {
	const name = "interop-lock"
	lock, err := types.NewLock(name, types.LockSpecV2{Target: types.LockTarget{User: "nobody"}, Message: "interop"})
	if err != nil {
		panic(err)
	}
	t.check("proto.AuthService/UpsertLock", func() error { return clt.UpsertLock(ctx, lock) })
	t.check("proto.AuthService/GetLock", func() error {
		read, err := clt.GetLock(ctx, name)
		if err != nil {
			return err
		}
		return expect(read.Message() == "interop" && read.Target().User == "nobody", "%+v", read)
	})
	t.check("proto.AuthService/GetLocks by target", func() error {
		found, err := clt.GetLocks(ctx, true, types.LockTarget{User: "nobody"})
		if err != nil {
			return err
		}
		others, err := clt.GetLocks(ctx, true, types.LockTarget{User: "somebody else"})
		if err != nil {
			return err
		}
		return expect(len(found) == 1 && len(others) == 0, "%d and %d locks", len(found), len(others))
	})
	t.check("proto.AuthService/DeleteLock", func() error {
		if err := clt.DeleteLock(ctx, name); err != nil {
			return err
		}
		return notFound(clt.DeleteLock(ctx, name))
	})
}

// checkConfig reads the settings and writes back what it read.
func checkConfig(ctx context.Context, t *table, clt *client.Client) {
	const service = "teleport.clusterconfig.v1.ClusterConfigService/"
	t.check(service+"GetAuthPreference and UpdateAuthPreference", func() error {
		preference, err := clt.GetAuthPreference(ctx)
		if err != nil {
			return err
		}
		if _, err := clt.UpdateAuthPreference(ctx, preference); err != nil {
			return err
		}
		_, err = clt.UpdateAuthPreference(ctx, preference)
		return compareFailed(err)
	})
	t.check(service+"UpsertAuthPreference with device trust", func() error {
		preference, err := clt.GetAuthPreference(ctx)
		if err != nil {
			return err
		}
		preference.SetDeviceTrust(&types.DeviceTrust{Mode: "optional", AutoEnroll: true})
		written, err := clt.UpsertAuthPreference(ctx, preference)
		if err != nil {
			return err
		}
		return expect(written.GetDeviceTrust().AutoEnroll, "%+v", written.GetDeviceTrust())
	})
	t.check(service+"ResetAuthPreference", func() error { return clt.ResetAuthPreference(ctx) })
	t.check(service+"GetClusterNetworkingConfig and UpsertClusterNetworkingConfig", func() error {
		config, err := clt.GetClusterNetworkingConfig(ctx)
		if err != nil {
			return err
		}
		config.SetClientIdleTimeout(time.Hour)
		written, err := clt.UpsertClusterNetworkingConfig(ctx, config)
		if err != nil {
			return err
		}
		return expect(written.GetClientIdleTimeout() == time.Hour, "%+v", written)
	})
	t.check(service+"GetSessionRecordingConfig and UpsertSessionRecordingConfig", func() error {
		config, err := clt.GetSessionRecordingConfig(ctx)
		if err != nil {
			return err
		}
		_, err = clt.UpsertSessionRecordingConfig(ctx, config)
		return err
	})
}
