// Command cluster is a Kubernetes control plane in one file: the upstream API server, controller-manager and etcd,
// and kubectl to talk to them. The first argument (or the name it is started under) picks the part; everything
// behind it belongs to that part and is parsed by upstream's own code.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

const usage = `usage: cluster <part> [flags]

parts:
  etcd                 the key-value store
  apiserver            kube-apiserver
  controller-manager   kube-controller-manager
  kubectl              the command line client (also when started under the name "kubectl")
`

func main() {
	if filepath.Base(os.Args[0]) == "kubectl" {
		os.Exit(runKubectl())
	}
	if len(os.Args) < 2 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	part := os.Args[1]
	os.Args = append([]string{"cluster " + part}, os.Args[2:]...)
	switch part {
	case "etcd":
		etcdmain.Main(os.Args)
	case "apiserver":
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	case "controller-manager":
		os.Exit(cli.Run(controllermanager.NewControllerManagerCommand()))
	case "kubectl":
		os.Args[0] = "kubectl"
		os.Exit(runKubectl())
	default:
		fmt.Fprintf(os.Stderr, "cluster: unknown part %q\n\n%s", part, usage)
		os.Exit(2)
	}
}

func runKubectl() int {
	command := kubectl.NewDefaultKubectlCommand()
	if err := cli.RunNoErrOutput(command); err != nil {
		kubectlutil.CheckErr(err)
		return 1
	}
	return 0
}
