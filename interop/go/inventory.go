package main

import (
	"context"
	"errors"
	"io"

	"github.com/gravitational/teleport/api/client"
	devicepb "github.com/gravitational/teleport/api/gen/proto/go/teleport/devicetrust/v1"
	"github.com/gravitational/trace/trail"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
)

const deviceService = "teleport.devicetrust.v1.DeviceTrustService/"

func linuxDevice(tag string) *devicepb.Device {
	return &devicepb.Device{ApiVersion: "v1", OsType: devicepb.OSType_OS_TYPE_LINUX, AssetTag: tag}
}

// checkInventory creates, finds, lists, changes and deletes devices.
func checkInventory(ctx context.Context, t *table, clt *client.Client) {
	devices := clt.DevicesClient()
	var stored *devicepb.Device
	t.check(deviceService+"CreateDevice", func() (err error) {
		request := &devicepb.CreateDeviceRequest{Device: linuxDevice("INTEROP1"), CreateEnrollToken: true}
		if stored, err = devices.CreateDevice(ctx, request); err != nil {
			return err
		}
		if err := expect(stored.Id != "" && stored.EnrollToken.GetToken() != "", "%v", stored); err != nil {
			return err
		}
		_, err = devices.CreateDevice(ctx, request)
		return alreadyExists(trail.FromGRPC(err))
	})
	t.check(deviceService+"FindDevices", func() error {
		for _, word := range []string{"INTEROP1", stored.GetId()} {
			found, err := devices.FindDevices(ctx, &devicepb.FindDevicesRequest{IdOrTag: word})
			if err != nil {
				return err
			}
			if err := expect(len(found.Devices) == 1, "%d devices", len(found.Devices)); err != nil {
				return err
			}
		}
		return nil
	})
	t.check(deviceService+"GetDevice", func() error {
		if _, err := devices.GetDevice(ctx, &devicepb.GetDeviceRequest{DeviceId: stored.GetId()}); err != nil {
			return err
		}
		_, err := devices.GetDevice(ctx, &devicepb.GetDeviceRequest{DeviceId: "nope"})
		return notFound(trail.FromGRPC(err))
	})
	t.check(deviceService+"UpdateDevice", func() error {
		change := &devicepb.Device{Id: stored.GetId(), Owner: "interop-owner"}
		mask := &fieldmaskpb.FieldMask{Paths: []string{"owner"}}
		changed, err := devices.UpdateDevice(ctx, &devicepb.UpdateDeviceRequest{Device: change, UpdateMask: mask})
		if err != nil {
			return err
		}
		return expect(changed.Owner == "interop-owner" && changed.AssetTag == "INTEROP1", "%v", changed)
	})
	t.check(deviceService+"UpsertDevice", func() error {
		made, err := devices.UpsertDevice(ctx, &devicepb.UpsertDeviceRequest{Device: linuxDevice("INTEROP2")})
		if err != nil {
			return err
		}
		made.Profile = &devicepb.DeviceProfile{OsVersion: "12"}
		again, err := devices.UpsertDevice(ctx, &devicepb.UpsertDeviceRequest{Device: made, CreateAsResource: true})
		if err != nil {
			return err
		}
		return expect(again.Id == made.Id && again.Profile.GetOsVersion() == "12", "%v", again)
	})
	t.check(deviceService+"BulkCreateDevices", func() error {
		batch := []*devicepb.Device{linuxDevice("INTEROP3"), linuxDevice("INTEROP4"), linuxDevice("INTEROP1")}
		answer, err := devices.BulkCreateDevices(ctx, &devicepb.BulkCreateDevicesRequest{Devices: batch})
		if err != nil {
			return err
		}
		codes := []int32{}
		for _, made := range answer.Devices {
			codes = append(codes, made.GetStatus().GetCode())
		}
		// The last one exists already: AlreadyExists is 6.
		return expect(len(codes) == 3 && codes[0] == 0 && codes[1] == 0 && codes[2] == 6, "codes %v", codes)
	})
	t.check(deviceService+"ListDevices page by page, in both views", func() error {
		for _, view := range []devicepb.DeviceView{devicepb.DeviceView_DEVICE_VIEW_LIST, devicepb.DeviceView_DEVICE_VIEW_RESOURCE} {
			count, token := 0, ""
			for {
				page, err := devices.ListDevices(ctx, &devicepb.ListDevicesRequest{PageSize: 2, PageToken: token, View: view})
				if err != nil {
					return err
				}
				count += len(page.Devices)
				if token = page.NextPageToken; token == "" {
					break
				}
			}
			if err := expect(count >= 4, "%d devices", count); err != nil {
				return err
			}
		}
		return nil
	})
	t.check(deviceService+"CreateDeviceEnrollToken", func() error {
		token, err := devices.CreateDeviceEnrollToken(ctx, &devicepb.CreateDeviceEnrollTokenRequest{DeviceId: stored.GetId()})
		if err != nil {
			return err
		}
		return expect(token.Token != "" && token.ExpireTime != nil, "%v", token)
	})
	t.check(deviceService+"CreateDeviceEnrollToken refuses auto-enrollment that the cluster does not offer", func() error {
		data := collected(devicepb.OSType_OS_TYPE_LINUX, "INTEROP3")
		_, err := devices.CreateDeviceEnrollToken(ctx, &devicepb.CreateDeviceEnrollTokenRequest{DeviceData: data})
		return accessDenied(trail.FromGRPC(err))
	})
	t.check(deviceService+"ConfirmDeviceWebAuthentication refuses everybody but proxies", func() error {
		_, err := devices.ConfirmDeviceWebAuthentication(ctx, &devicepb.ConfirmDeviceWebAuthenticationRequest{
			ConfirmationToken:   &devicepb.DeviceConfirmationToken{Id: "nope", Token: "nope"},
			CurrentWebSessionId: "nope",
		})
		return accessDenied(trail.FromGRPC(err))
	})
	t.check(deviceService+"SyncInventory", func() error { return syncInventory(ctx, clt) })
	t.check(deviceService+"GetDevicesUsage", func() error {
		_, err := devices.GetDevicesUsage(ctx, &devicepb.GetDevicesUsageRequest{})
		return err
	})
	t.check(deviceService+"DeleteDevice", func() error {
		if _, err := devices.DeleteDevice(ctx, &devicepb.DeleteDeviceRequest{DeviceId: stored.GetId()}); err != nil {
			return err
		}
		_, err := devices.DeleteDevice(ctx, &devicepb.DeleteDeviceRequest{DeviceId: stored.GetId()})
		return notFound(trail.FromGRPC(err))
	})
}

// syncInventory runs two synchronisations of one source. The second leaves out a device, which the server then names.
func syncInventory(ctx context.Context, clt *client.Client) error {
	kept, gone := linuxDevice("INTEROPSYNC1"), linuxDevice("INTEROPSYNC2")
	missing, err := synchronize(ctx, clt, kept, gone)
	if err != nil {
		return err
	}
	if err := expect(len(missing) == 0, "missing at first: %v", missing); err != nil {
		return err
	}
	if missing, err = synchronize(ctx, clt, kept); err != nil {
		return err
	}
	if err := expect(len(missing) == 1 && missing[0].AssetTag == gone.AssetTag, "missing: %v", missing); err != nil {
		return err
	}
	found, err := clt.DevicesClient().FindDevices(ctx, &devicepb.FindDevicesRequest{IdOrTag: gone.AssetTag})
	if err != nil {
		return err
	}
	return expect(len(found.Devices) == 0, "still there: %v", found.Devices)
}

// synchronize tells the devices of a source, beside one that is none, and has removed what the server misses.
func synchronize(ctx context.Context, clt *client.Client, devices ...*devicepb.Device) ([]*devicepb.Device, error) {
	stream, err := clt.DevicesClient().SyncInventory(ctx)
	if err != nil {
		return nil, err
	}
	ask := func(request *devicepb.SyncInventoryRequest) (*devicepb.SyncInventoryResponse, error) {
		if err := stream.Send(request); err != nil {
			return nil, err
		}
		return stream.Recv()
	}
	source := &devicepb.DeviceSource{Name: "interop-jamf", Origin: devicepb.DeviceOrigin_DEVICE_ORIGIN_JAMF}
	answer, err := ask(&devicepb.SyncInventoryRequest{Payload: &devicepb.SyncInventoryRequest_Start{
		Start: &devicepb.SyncInventoryStart{Source: source, TrackMissingDevices: true},
	}})
	if err != nil {
		return nil, err
	}
	if err := expect(answer.GetAck() != nil, "no ack: %v", answer); err != nil {
		return nil, err
	}
	batch := append([]*devicepb.Device{{ApiVersion: "v1"}}, devices...)
	answer, err = ask(&devicepb.SyncInventoryRequest{Payload: &devicepb.SyncInventoryRequest_DevicesToUpsert{
		DevicesToUpsert: &devicepb.SyncInventoryDevices{Devices: batch},
	}})
	if err != nil {
		return nil, err
	}
	for i, outcome := range answer.GetResult().GetDevices() {
		// InvalidArgument, for the device without a system: the stream goes on.
		refused := outcome.GetStatus().GetCode() == 3
		if err := expect(refused == (i == 0), "device %d: %v", i, outcome); err != nil {
			return nil, err
		}
	}
	if err := expect(len(answer.GetResult().GetDevices()) == len(batch), "%v", answer); err != nil {
		return nil, err
	}
	return removeMissing(stream)
}

// removeMissing ends the batches and removes everything that the server names until it ends the stream.
func removeMissing(stream devicepb.DeviceTrustService_SyncInventoryClient) ([]*devicepb.Device, error) {
	end := &devicepb.SyncInventoryRequest_End{End: &devicepb.SyncInventoryEnd{}}
	if err := stream.Send(&devicepb.SyncInventoryRequest{Payload: end}); err != nil {
		return nil, err
	}
	var missing []*devicepb.Device
	for {
		answer, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return missing, nil
		}
		if err != nil {
			return nil, err
		}
		named := answer.GetMissingDevices().GetDevices()
		if named == nil {
			continue
		}
		missing = append(missing, named...)
		remove := &devicepb.SyncInventoryRequest_DevicesToRemove{DevicesToRemove: &devicepb.SyncInventoryDevices{Devices: named}}
		if err := stream.Send(&devicepb.SyncInventoryRequest{Payload: remove}); err != nil {
			return nil, err
		}
	}
}
