// Command cluster is a Kubernetes control plane in one file: the upstream API server, controller-manager and etcd,
// and kubectl to talk to them. The first argument (or the name it is started under) picks the part; everything
// behind it belongs to that part and is parsed by upstream's own code.
package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

const usage = `usage: cluster [--lifeline] <part> [flags]

  --lifeline           stop when standard input is closed: whoever holds its other end can die of anything and leaves
                       nothing behind

parts:
  etcd                 the key-value store
  apiserver            kube-apiserver
  controller-manager   kube-controller-manager
  kubectl              the command line client (also when started under the name "kubectl")
`

// How long a part may take to stop after the lifeline went before it is ended at once.
const lifelineGrace = 3 * time.Second

func main() {
	if filepath.Base(os.Args[0]) == "kubectl" {
		os.Exit(runKubectl())
	}
	if len(os.Args) > 1 && os.Args[1] == "--lifeline" {
		os.Args = append(os.Args[:1], os.Args[2:]...)
		go followLifeline()
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

// followLifeline reads standard input to its end, then stops this process the way a SIGTERM would.
func followLifeline() {
	_, _ = io.Copy(io.Discard, os.Stdin)
	fmt.Fprintln(os.Stderr, "cluster: the parent is gone, stopping")
	_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
	time.Sleep(lifelineGrace)
	os.Exit(1)
}
